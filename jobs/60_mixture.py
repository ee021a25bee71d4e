"""spark-submit jobs/60_mixture.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("mixture")
