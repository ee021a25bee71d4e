"""spark-submit jobs/14_code.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("code")
