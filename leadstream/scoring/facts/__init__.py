"""Facts as their values mean: phones, addresses, consents, amounts, countries, titles, texts."""
