"""What all stages ask of a text: code points, scripts, language, tokens, forms, dates, URLs."""
