"""Exporting models. Keras defines SavedModel export for TensorFlow, JAX and PyTorch only."""


class SavedModelExportArchive:
    def track(self, *arguments, **options):
        raise NotImplementedError(
            "`export_saved_model` only currently supports the tensorflow, jax and torch backends. "
            "A model on the Theano engine cannot be exported as a SavedModel. Save it with "
            "`model.save('model.keras')`, load that file with KERAS_BACKEND=tensorflow, and "
            "export it there."
        )

    add_endpoint = track_and_add_endpoint = track
