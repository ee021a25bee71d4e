"""spark-submit jobs/49_fit_stem.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("fit_stem")
