"""Audio: reading recordings, features of whole recordings and of streams, augmentation. Importing it does nothing."""
