package org.densenet4j.io.pth;

import org.densenet4j.io.Tensor;
import org.densenet4j.io.TensorDescription;
import org.densenet4j.io.TensorFile;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * An open PyTorch checkpoint: the tensors of its state dict by name.
 *
 * <p>Reads the zip files of PyTorch 1.6 and newer, and the older format that torchvision's first
 * weights are in (torch/serialization.py). A state dict may lie at the top, under {@code
 * state_dict}, {@code model} or another usual key ({@link StateDict}), alone under any other, or
 * under the one that is asked for; what else a checkpoint has (optimiser, epoch, arguments) is left
 * out. Nothing in the file is ever executed, see {@link PickleReader}; every size is checked
 * against the size of the file before memory is asked for.
 *
 * <p>Holds the file open and one storage in memory. Threads may read at the same time; closing
 * twice is allowed.
 */
public final class PthFile implements TensorFile {
    private final Path path;
    private final PthContainer container;
    private final Map<String, StridedTensor> tensors = new LinkedHashMap<>();
    private final Map<String, Placeholder> others = new LinkedHashMap<>();
    private StateDict.Found found;
    private Storage loaded;
    private byte[] loadedBytes;
    private boolean closed;

    private PthFile(Path path, PthContainer container) {
        this.path = path;
        this.container = container;
    }

    /** Whether a file that starts like this is a PyTorch checkpoint. */
    public static boolean recognises(byte[] head) {
        if (head.length < 4) {
            return false;
        }
        int word = ByteBuffer.wrap(head).order(ByteOrder.BIG_ENDIAN).getInt();
        return word == ZipContainer.MAGIC || LegacyContainer.recognises(head);
    }

    /**
     * Opens a checkpoint and reads its structure, not its data.
     *
     * @param key of the weights that are meant, at any depth, or what their names start with; empty
     *     for the usual ones
     * @throws PthException when it is broken, holds no state dict or several, or wants what is
     *     refused
     * @throws IOException when reading fails
     */
    public static PthFile open(Path path, Optional<String> key) throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(key, "key");
        byte[] head;
        try (var in = Files.newInputStream(path)) {
            head = in.readNBytes(4);
        }
        boolean zip =
                head.length == 4
                        && ByteBuffer.wrap(head).order(ByteOrder.BIG_ENDIAN).getInt()
                                == ZipContainer.MAGIC;
        PthContainer container = null;
        try {
            container = zip ? ZipContainer.open(path) : LegacyContainer.open(path);
            PthFile file = new PthFile(path, container);
            file.find(container.root(), key.orElse(null));
            container = null;
            return file;
        } catch (PickleException e) {
            throw new PthException(path, e.getMessage());
        } finally {
            if (container != null) {
                container.close();
            }
        }
    }

    private void find(Object root, String key) throws PthException, PickleException {
        found = StateDict.find(root, key);
        for (Map.Entry<String, Object> entry : found.entries().entrySet()) {
            switch (entry.getValue()) {
                case StridedTensor tensor -> tensors.put(entry.getKey(), tensor);
                case Placeholder other -> others.put(entry.getKey(), other);
                default -> throw new IllegalStateException(entry.toString());
            }
        }
        if (!tensors.isEmpty()) {
            return;
        }
        if (!others.isEmpty()) {
            Map.Entry<String, Placeholder> first = others.entrySet().iterator().next();
            throw new PthException(path, notATensor(first.getKey(), first.getValue()));
        }
        Placeholder model = StateDict.module(root).orElse(null);
        if (model != null) {
            throw new PthException(
                    path,
                    "holds a whole model ("
                            + model.what()
                            + "), which only the Python program that it is from can make again; save"
                            + " model.state_dict()");
        }
        if (root instanceof Placeholder whole && whole.items().isEmpty()) {
            throw new PthException(
                    path,
                    "holds an object of the class "
                            + whole.what()
                            + ", which only Python can make; tensors in dictionaries are read: save"
                            + " model.state_dict()");
        }
        throw new PthException(
                path,
                root instanceof Map<?, ?> || root instanceof Placeholder
                        ? "has no state dict, neither at the top nor under "
                                + String.join(", ", StateDict.KEYS)
                                + " or another key; save model.state_dict()"
                        : "does not hold a dictionary; save model.state_dict()");
    }

    private static String notATensor(String name, Placeholder other) {
        return "'"
                + PickleReader.printable(name)
                + "' is "
                + (other.what().startsWith("a tensor")
                        ? other.what() + ", which is not read; save it as a plain torch.Tensor"
                        : "an object of "
                                + other.what()
                                + ", not a tensor; save it as a torch.Tensor");
    }

    /**
     * Which of several networks' weights these are and which are left out, in one line; empty where
     * there are no others.
     */
    public Optional<String> leftOut() {
        return found.leftOut().isEmpty()
                ? Optional.empty()
                : Optional.of(
                        "the weights under '"
                                + PickleReader.printable(found.place())
                                + "' are read, not those under "
                                + StateDict.listed(found.leftOut())
                                + "; "
                                + StateDict.CHOOSE
                                + " chooses others");
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public TensorDescription describe(String name) {
        StridedTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("the file has no tensor named '" + name + "'");
        }
        return new TensorDescription(tensor.storage().type().elements(), tensor.shape());
    }

    /** Entries of the state dict that are no tensors, or of a kind that is not read. */
    @Override
    public Map<String, String> unreadable() {
        Map<String, String> unreadable = new LinkedHashMap<>();
        others.forEach((name, other) -> unreadable.put(name, other.what()));
        return unreadable;
    }

    @Override
    public Tensor tensor(String name) throws IOException {
        if (others.containsKey(name)) {
            throw new PthException(path, notATensor(name, others.get(name)));
        }
        StridedTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("the file has no tensor named '" + name + "'");
        }
        byte[] source = load(tensor.storage());
        int element = tensor.storage().type().bytes();
        MemorySegment data =
                tensor.isPlain()
                        ? MemorySegment.ofArray(source)
                                .asSlice(tensor.offset() * element, tensor.count() * element)
                        : MemorySegment.ofArray(tensor.gather(source));
        return new Tensor(name, tensor.storage().type().elements(), tensor.shape(), data);
    }

    /** Threads that read at the same time would mix up which storage is loaded. */
    private synchronized byte[] load(Storage storage) throws IOException {
        if (closed) {
            throw new IllegalStateException(path + " is closed");
        }
        if (!storage.equals(loaded)) {
            loadedBytes = null;
            try {
                loadedBytes = container.read(storage);
            } catch (PickleException e) {
                throw new PthException(path, e.getMessage());
            }
            loaded = storage;
        }
        return loadedBytes;
    }

    @Override
    public Map<String, String> metadata() {
        return Map.of();
    }

    @Override
    public synchronized void close() {
        closed = true;
        container.close();
    }
}
