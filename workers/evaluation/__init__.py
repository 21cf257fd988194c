"""How good the product is: the offline door run over many studies with known truth."""
