"""The multimodal trainer; runs without Ray."""
