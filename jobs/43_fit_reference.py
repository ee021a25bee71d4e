"""spark-submit jobs/43_fit_reference.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("fit_reference")
