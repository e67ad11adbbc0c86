"""PEFT's directories, both ways: what PEFT 0.21 writes is read, what is written PEFT reads.

Source: huggingface/peft 0.21.2, utils/save_and_load.py and tuners/lora/, read and tried out.
"""
