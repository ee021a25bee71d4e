"""spark-submit jobs/20_language.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("language")
