"""spark-submit jobs/44_quality.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("quality")
