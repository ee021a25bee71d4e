def write_wiki(out, responses, seed):
    return 0
