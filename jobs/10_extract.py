"""spark-submit jobs/10_extract.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("extract")
