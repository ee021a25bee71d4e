"""spark-submit jobs/30_dedup.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("dedup")
