package org.densenet4j.weights;

import org.densenet4j.io.Safetensors;
import org.densenet4j.io.TensorFile;
import org.densenet4j.io.pth.PthFile;
import org.densenet4j.train.Checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Opens files of weights of whatever format. */
public final class WeightFile {
    private WeightFile() {}

    /**
     * Opens a safetensors file, a PyTorch checkpoint, or the index of weights that are in several
     * files; the content tells which, not the name. The checksum of a file that this project wrote
     * is compared with its content.
     *
     * @throws IOException in one line when it is missing, broken, damaged or neither, with what it
     *     is instead
     */
    public static TensorFile open(Path path) throws IOException {
        byte[] head = head(path);
        return ShardedFile.recognises(head) ? ShardedFile.open(path) : whole(path, head);
    }

    /** Opens a file that is not an index of others. */
    static TensorFile whole(Path path) throws IOException {
        return whole(path, head(path));
    }

    private static TensorFile whole(Path path, byte[] head) throws IOException {
        if (PthFile.recognises(head)) {
            return PthFile.open(path);
        }
        String refusal = FileKind.refusal(head).orElse(null);
        if (refusal != null) {
            throw new IOException(path + ": " + refusal);
        }
        return safetensors(path);
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
