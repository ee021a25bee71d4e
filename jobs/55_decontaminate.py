"""spark-submit jobs/55_decontaminate.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("decontaminate")
