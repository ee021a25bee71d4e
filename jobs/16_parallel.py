"""spark-submit jobs/16_parallel.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("parallel")
