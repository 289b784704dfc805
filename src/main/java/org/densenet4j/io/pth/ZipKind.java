package org.densenet4j.io.pth;

import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Tells zip files that are no checkpoints for what they are. */
final class ZipKind {
    private ZipKind() {}

    /**
     * Looks at the names in a zip file.
     *
     * @throws PickleException when they are those of something that is no checkpoint, with what to
     *     do
     */
    static void refuse(ZipFile zip) throws PickleException {
        List<String> names = zip.stream().map(ZipEntry::getName).toList();
        if (any(names, "constants.pkl")) {
            throw new PickleException(
                    "is a TorchScript program, which is not read; load it with torch.jit.load and"
                            + " save its state_dict()");
        }
        if (any(names, "archive_format") || any(names, "models/model.json")) {
            throw new PickleException(
                    "is an exported program (torch.export), which is not read; save"
                            + " model.state_dict()");
        }
        if (any(names, "data.pkl")) {
            return;
        }
        if (any(names, "MAR-INF/MANIFEST.json")) {
            throw new PickleException(
                    "is a TorchServe archive; unpack it and use the .pth file inside");
        }
        if (any(names, "model.weights.h5")) {
            throw new PickleException(
                    "is a Keras model, which is not read; load it in Keras and save its weights as"
                            + " safetensors");
        }
        if (!names.isEmpty() && names.stream().allMatch(name -> name.endsWith(".npy"))) {
            throw new PickleException(
                    "is a NumPy archive (.npz), which is not read; save its arrays as safetensors");
        }
        throw new PickleException(
                "is a zip file, but not a PyTorch checkpoint: no data.pkl"
                        + (names.isEmpty()
                                ? ""
                                : "; it has "
                                        + PickleReader.printable(names.getFirst())
                                        + ": unpack it, if weights are inside"));
    }

    /** Whether there is an entry of this name, at the top or in the folder that all are in. */
    private static boolean any(List<String> names, String wanted) {
        return names.stream().anyMatch(name -> name.equals(wanted) || name.endsWith("/" + wanted));
    }
}
