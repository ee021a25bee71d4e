"""spark-submit jobs/42_fit_lm.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("fit_lm")
