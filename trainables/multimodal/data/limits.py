"""The limits of what is read, decoded and held: all in one place, each with its unit and its reason."""

from typing import Final

MIB: Final = 2**20
"""Bytes."""

# A source

MOST_SAMPLES: Final = 250_000
"""Samples of a source: each needs some hundred bytes in every process, however small it is."""
MOST_SAMPLE_BYTES: Final = 64 * MIB
"""Bytes of the arrays of one sample: a process that decodes holds them, and some steps on the way to them."""
MOST_ID_CHARACTERS: Final = 255
"""Characters of an id or a class name: they end up in names of files, which cannot be longer."""
MOST_RECIPE_NUMBER: Final = 1_000_000
"""Value of a recipe parameter that names no limit of its own: above it nothing but a mistake is known."""
MOST_DIGITS: Final = 18
"""Digits of a whole number in a text: every such number fits into 64 bits, and Python reads it at once."""

MOST_SHOWN_CHARACTERS: Final = 200
"""Characters of a text from a file that an error shows: the sentence stays one that can be read."""

# Texts and tables

MOST_TEXT_BYTES: Final = 16 * MIB
"""Bytes of a text once unpacked: its lines and columns need up to eighty times as many."""
MOST_LINE_CHARACTERS: Final = 2**20
"""Characters of a line of a text: a longer one is no line of a table."""
MOST_TWEET_CHARACTERS: Final = 10_000
"""Characters of a line that holds a tweet: with all that stands around it, one has some hundreds."""
MOST_COLUMNS: Final = 10_000
"""Columns of a table: each is a Python object for every row."""
MOST_BLOCK_BYTES: Final = 8 * MIB
"""Bytes of an array of a table that are read at once: arrays of samples may be of any size."""
MOST_ARCHIVE_BYTES: Final = 640 * MIB
"""Bytes of what is held in memory of an npz file, a third of what a preparation may take: a published table,
a column with one entry per sample, or an array that is stored column by column."""
MOST_PICKLE_BYTES: Final = 640 * MIB
"""Bytes of a pickle: its arrays are held in memory, as those of published npz files are."""
MOST_PARQUET_BYTES: Final = 256 * MIB
"""Bytes of columns without lists of a Parquet file: they are held, and pyarrow takes four times as many."""
MOST_READER_BYTES: Final = 1536 * MIB
"""Bytes of addresses of a process that reads a Parquet file, beside its content: pyarrow needs them."""
MOST_UNPICKLER_BYTES: Final = 512 * MIB
"""Bytes of addresses of a process that reads a pickle, beside its content: for Python, NumPy and the memo."""
MOST_PICKLE_GROWTH: Final = 4
"""Bytes of addresses for each byte of a pickle: old protocols hold an array as text and as bytes."""
MOST_READING_SECONDS: Final = 600
"""Seconds of a process that reads a table: a file can be made to take for ever."""

# Media

MOST_PICTURE_PIXELS: Final = 4096 * 4096
"""Pixels of a picture: Pillow holds them in 64 MiB."""
MOST_FRAME_PIXELS: Final = 4096 * 2304
"""Pixels of a frame of a video, which is 4K: decoders hold many frames."""
MOST_FLOW_PIXELS: Final = 3 * 2**23
"""Pixels of all frames of a clip that are held to compute flow: they take 96 MiB."""
MOST_CLIP_BYTES: Final = 64 * MIB
"""Bytes of a clip's coded pictures: they are held until their number is known."""
MOST_SOUND_SECONDS: Final = 600
"""Seconds of sound: the waveform is held as a whole."""
MOST_SOUND_CHANNELS: Final = 16
"""Channels of sound: a block is decoded with all of them."""
MOST_SOUND_HERTZ: Final = 384_000
"""Samples of sound per second: no recorder takes more."""
MOST_FILTER_TAPS: Final = 1_000_000
"""Numbers in a filter that resamples sound, about: rates without a common divisor would fill the memory."""

# Preparing and loading

MOST_WORKERS: Final = 3
"""Processes that decode a source unless told otherwise: with all libraries they stay below 2 GiB together."""
MOST_SHARD_BYTES: Final = 64 * MIB
"""Bytes of a file of a store: no process holds more decoded samples."""
MOST_SHARD_SAMPLES: Final = 256
"""Samples of a file of a store: all processes have work, and an interruption loses little."""
MOST_DECODING_SECONDS: Final = 1800.0
"""Seconds on one file of a store, or on a sample tried alone: damage can keep a decoder busy for ever."""
MOST_RESIDENT_SHARE: Final = 0.25
"""Share of a CUDA device's free memory for one part of a store: several trials may share a device."""
MOST_COPIED_BYTES: Final = 64 * MIB
"""Bytes of one part of a store that a trial on a CPU copies; larger ones stay in the map that all share."""
MOST_WEIGHTS_BYTES: Final = 4096 * MIB
"""Bytes of a file with initial weights: it is read into memory as a whole."""
