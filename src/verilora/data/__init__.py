"""Tasks, their examples, batches and metrics.

Knows tokenizers and tensors, never a model or a training loop. Import the module that holds a name:
`verilora.data.load`, `verilora.data.batches`.
"""
