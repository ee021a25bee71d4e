"""spark-submit jobs/80_tokens.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("tokens")
