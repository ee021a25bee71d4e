"""spark-submit jobs/12_ingest.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("ingest")
