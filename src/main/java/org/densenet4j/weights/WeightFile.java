package org.densenet4j.weights;

import org.densenet4j.backend.Notice;
import org.densenet4j.io.OneLine;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.TensorFile;
import org.densenet4j.io.caffe.CaffeModel;
import org.densenet4j.io.pth.PthFile;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** Opens files of weights of whatever format. */
public final class WeightFile {
    private WeightFile() {}

    /**
     * Opens a safetensors file, a PyTorch checkpoint, the index of weights that are in several
     * files, or a Caffe model of a DSOD; the content tells which, not the name. The checksum of a
     * file that this project wrote is compared with its content.
     *
     * @param path a file, or the index of several
     * @return the file, which the caller closes
     * @throws IOException in one line when it is missing, broken, damaged or neither, with what it
     *     is instead
     */
    public static TensorFile open(Path path) throws IOException {
        return open(path, LoadOptions.strict());
    }

    /**
     * {@return the same of a file with several networks}
     *
     * @param path a file, or the index of several
     * @param options {@link LoadOptions#weightsKey} is heeded
     * @throws IOException also when the file has no weights under that key
     */
    public static TensorFile open(Path path, LoadOptions options) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(options, "options");
        TensorFile file = asItIs(path, options);
        boolean opened = false;
        try {
            TensorFile whole = ConvertedCondenseNet.of(path, file);
            opened = true;
            return whole;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static TensorFile asItIs(Path path, LoadOptions options) throws IOException {
        byte[] head = head(path);
        if (PthFile.recognises(head)) {
            return checkpoint(path, options.weightsKey());
        }
        TensorFile file = ShardedFile.recognises(head) ? ShardedFile.open(path) : whole(path, head);
        return options.weightsKey().isEmpty() ? file : part(path, file, options.weightsKey().get());
    }

    private static TensorFile part(Path path, TensorFile file, String key) throws IOException {
        try {
            return NamedPart.of(file, key);
        } catch (IllegalArgumentException e) {
            file.close();
            throw new IOException(path + ": " + OneLine.of(e.getMessage()), e);
        }
    }

    /** Opens a file that is not an index of others. */
    static TensorFile whole(Path path) throws IOException {
        return whole(path, head(path));
    }

    private static TensorFile whole(Path path, byte[] head) throws IOException {
        if (PthFile.recognises(head)) {
            return checkpoint(path, Optional.empty());
        }
        if (CaffeModel.recognises(head)) {
            return CaffeDsod.open(path);
        }
        String refusal = FileKind.refusal(head).orElse(null);
        if (refusal != null) {
            throw new IOException(path + ": " + refusal);
        }
        return safetensors(path);
    }

    @SuppressWarnings("MustBeClosedChecker") // the file passes to the caller
    private static PthFile checkpoint(Path path, Optional<String> key) throws IOException {
        PthFile file = PthFile.open(path, key);
        file.leftOut()
                .ifPresent(
                        others -> Notice.once(System.Logger.Level.WARNING, path + ": " + others));
        return file;
    }

    @SuppressWarnings("MustBeClosedChecker") // the file passes to the caller
    private static Safetensors safetensors(Path path) throws IOException {
        Safetensors file = Safetensors.open(path);
        try {
            Checkpoint.verify(file);
            Safetensors whole = file;
            file = null;
            return whole;
        } finally {
            if (file != null) {
                file.close();
            }
        }
    }

    private static byte[] head(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + ": is a folder, not a file with weights");
        }
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            throw new IOException(path + ": is not a regular file");
        }
        try (InputStream in = Files.newInputStream(path)) {
            return in.readNBytes(FileKind.HEAD);
        } catch (NoSuchFileException e) {
            throw new IOException(path + ": no such file", e);
        }
    }
}
