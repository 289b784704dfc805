package org.densenet4j.io;

import org.densenet4j.io.pth.PthFile;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** Named tensors in a file, of whatever format. Closing twice is allowed. */
public interface TensorFile extends AutoCloseable {

    /**
     * Opens a safetensors file or a PyTorch checkpoint; the content tells which, not the name.
     *
     * @throws IOException in one line when it is missing, broken or neither
     */
    static TensorFile open(Path path) throws IOException {
        return PthFile.recognises(head(path)) ? PthFile.open(path) : Safetensors.open(path);
    }

    private static byte[] head(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new IOException(path + ": is a folder, not a file with weights");
        }
        try (InputStream in = Files.newInputStream(path)) {
            return in.readNBytes(16);
        } catch (NoSuchFileException e) {
            throw new IOException(path + ": no such file", e);
        }
    }

    /** Names of all tensors, in the file's order. */
    Set<String> names();

    /** Whether there is a tensor of this name. */
    boolean contains(String name);

    /**
     * A tensor by name.
     *
     * @throws IllegalArgumentException when there is none
     * @throws IOException when its data is broken
     */
    Tensor tensor(String name) throws IOException;

    /** Notes that the file carries; empty where the format has none. */
    Map<String, String> metadata();

    @Override
    void close();
}
