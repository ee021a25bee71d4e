"""spark-submit jobs/28_common_lines.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("common_lines")
