"""What a model is made of: encoders, fusion, standardised inputs, initial weights."""
