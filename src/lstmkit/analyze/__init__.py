"""Reading a trained network: its gates, its gradients, one prediction from the inside. Arrays out, nothing drawn."""
