package org.densenet4j.weights;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Tells files that hold no weights that can be read for what they are, by how they start. */
final class FileKind {
    /** Bytes that are looked at: a tar archive says so behind its first name. */
    static final int HEAD = 264;

    private static final int SAFETENSORS_LENGTH = 8;

    /** What starts a file, at which byte, and what it is and needs. */
    private record Sign(int at, String bytes, String what) {
        boolean fits(String head) {
            return head.startsWith(bytes, at);
        }
    }

    private static final Sign[] SIGNS = {
        new Sign(
                0,
                "version https://git-lfs",
                "is a Git LFS pointer, not the file itself; fetch that with: git lfs pull"),
        new Sign(
                0,
                "\u0089HDF\r\n\u001a\n",
                "is an HDF5 file (.h5, Keras), which is not read; load it in its framework and save"
                        + " the weights as safetensors, or, in Caffe, as .caffemodel"
                        + " (snapshot_format: BINARYPROTO)"),
        new Sign(0, "\u001f\u008b", "is compressed by gzip; unpack it first (gunzip)"),
        new Sign(0, "BZh", "is compressed by bzip2; unpack it first (bunzip2)"),
        new Sign(0, "\u00fd7zXZ\0", "is compressed by xz; unpack it first (unxz)"),
        new Sign(0, "\u0028\u00b5\u002f\u00fd", "is compressed by zstd; unpack it first (unzstd)"),
        new Sign(0, "7z\u00bc\u00af\u0027\u001c", "is a 7z archive; unpack it first"),
        new Sign(0, "Rar!\u001a\u0007", "is a RAR archive; unpack it first"),
        new Sign(257, "ustar", "is a tar archive; unpack it first (tar -xf)"),
        new Sign(
                0,
                "\u0093NUMPY",
                "is a NumPy array (.npy), which is not read; save the weights as safetensors"),
        new Sign(
                0,
                "\4\0\0\0\1\0\0\0\3\0\0\0V 1",
                "is a Lua Torch file (.t7), which is not read; convert it to PyTorch first"),
        new Sign(
                0,
                "4\n1\n3\nV 1\n",
                "is a Lua Torch file (.t7), which is not read; convert it to PyTorch first"),
        new Sign(0, "PK\5\6", "is a zip file with nothing in it"),
        new Sign(0, "GGUF", "is a GGUF file, which is not read; use the model's safetensors"),
        new Sign(4, "TFL3", "is a TensorFlow Lite model, which is not read"),
        new Sign(
                0,
                "\b\1\20\3\30",
                "is a mean image of Caffe (.binaryproto), not weights; give the .caffemodel"),
        new Sign(0, "\u007fELF", "is a program, not weights"),
        new Sign(0, "\u0089PNG", "is a PNG image, not weights"),
        new Sign(0, "\u00ff\u00d8\u00ff", "is a JPEG image, not weights"),
        new Sign(0, "%PDF", "is a PDF document, not weights"),
    };

    /** Protocol 0: a dictionary, a list, an object. */
    private static final List<String> TEXT_PICKLES =
            List.of("(dp", "(lp", "(d.", "ccollections\n", "ccopy_reg\n", "ccopyreg\n");

    /** How lines of Caffe's text start that other text hardly has. */
    private static final Pattern PROTOTXT =
            Pattern.compile(
                    "(?m)^\\s*(?:layers?\\s*\\{|(?:name|input|net|train_net|snapshot_prefix)\\s*:"
                            + "\\s*\"|base_lr\\s*:)");

    private FileKind() {}

    /**
     * What is wrong with a file that starts like this, with what to do; empty for what may be
     * safetensors.
     *
     * @param bytes the first {@link #HEAD} bytes, or all
     */
    static Optional<String> refusal(byte[] bytes) {
        if (bytes.length == 0) {
            return Optional.of("is empty; was it copied or downloaded to its end?");
        }
        String head = new String(bytes, ISO_8859_1);
        if (isSafetensors(head)) {
            return Optional.empty(); // first: a length may look like the start of another format
        }
        if (head.startsWith("\u00ff\u00fe") || head.startsWith("\u00fe\u00ff")) {
            head = new String(bytes, UTF_16); // which has such a mark
        }
        for (Sign sign : SIGNS) {
            if (sign.fits(head)) {
                return Optional.of(sign.what);
            }
        }
        String text = head.replace("\u00ef\u00bb\u00bf", "").strip().toLowerCase(Locale.ROOT);
        if (text.startsWith("<!doctype") || text.startsWith("<html")) {
            return Optional.of(
                    "is an HTML page, not weights; the download needs a log-in or a confirmation,"
                            + " open its address in a browser");
        }
        if (isPickle(head) || TEXT_PICKLES.stream().anyMatch(head::startsWith)) {
            return Optional.of(
                    "is a pickle that PyTorch did not write, which is not read; save the weights as"
                            + " safetensors or by torch.save(model.state_dict())");
        }
        if (isSolverState(head)) {
            return Optional.of(
                    "is the state of Caffe's solver, not weights; give the .caffemodel that was saved"
                            + " with it");
        }
        if (isOnnx(head)) {
            return Optional.of(
                    "looks like an ONNX model, which is not read; save model.state_dict() in"
                            + " PyTorch");
        }
        if (text.chars().allMatch(FileKind::isText)) {
            return Optional.of(textKind(text));
        }
        return Optional.empty();
    }

    private static String textKind(String text) {
        if (text.startsWith("<")) {
            return "is an XML file, not weights";
        }
        if (text.startsWith("{") || text.startsWith("[")) {
            return "is a JSON file, not weights";
        }
        return PROTOTXT.matcher(text).find()
                ? "is a network or a solver of Caffe as text (.prototxt), which has no weights; give"
                        + " the .caffemodel"
                : "is a text file, not weights";
    }

    /** A length of less than 2^32 and a JSON object behind it. */
    private static boolean isSafetensors(String head) {
        return head.length() > SAFETENSORS_LENGTH
                && head.charAt(SAFETENSORS_LENGTH) == '{'
                && head.startsWith("\0\0\0\0", 4);
    }

    /** Protocols 2 to 5; those of PyTorch's older format are recognised before. */
    private static boolean isPickle(String head) {
        return head.charAt(0) == 0x80
                && head.length() > 1
                && head.charAt(1) >= 2
                && head.charAt(1) <= 5;
    }

    /** A count of steps, and the path of the weights. */
    private static boolean isSolverState(String head) {
        return head.charAt(0) == 0x08 && head.contains(".caffemodel");
    }

    /** The version of the representation, then the producer, its version or the graph. */
    private static boolean isOnnx(String head) {
        return head.length() > 2
                && head.charAt(0) == 0x08
                && head.charAt(1) >= 3
                && head.charAt(1) <= 20
                && (head.charAt(2) == 0x12 || head.charAt(2) == 0x3a);
    }

    private static boolean isText(int c) {
        return c == '\t' || c == '\n' || c == '\r' || c >= ' ' && c < 0x7f || c >= 0xa0;
    }
}
