"""spark-submit jobs/50_stem.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("stem")
