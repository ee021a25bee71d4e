"""spark-submit jobs/41_signals.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("signals")
