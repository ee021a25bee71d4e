"""spark-submit jobs/40_distribution.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("distribution")
