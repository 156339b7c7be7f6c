"""What the lessons import, beside Keras itself."""
