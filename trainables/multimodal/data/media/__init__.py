"""Reading of single files: sound, films, pictures, optical flow, text."""
