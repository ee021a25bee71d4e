"""The paper's benchmarks (Tables 5, 11, 12) through lm-evaluation-harness, from local files alone.

`items` reads JSON lines and makes prompts, `suite` says what is asked and what the paper found,
`tasks/*.yaml` are lm-eval's tasks, `run` runs them, `tables` shows what came out. Only `run` needs
lm-eval. The YAML files also work with lm-eval's own command: `lm_eval --include_path tasks`, with
the folders of the data in SKYPILE_BENCHMARKS.
"""
