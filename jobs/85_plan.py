"""spark-submit jobs/85_plan.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("plan")
