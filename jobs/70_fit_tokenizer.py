"""spark-submit jobs/70_fit_tokenizer.py --config conf/demo.toml"""

from skypile.driver import job

if __name__ == "__main__":
    job("fit_tokenizer")
