"""spark-submit jobs/38_fit_vectors.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("fit_vectors")
