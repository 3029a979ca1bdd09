"""From a store to batches: order, frames, augmentation, reading ahead."""
