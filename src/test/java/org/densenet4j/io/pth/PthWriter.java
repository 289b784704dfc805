package org.densenet4j.io.pth;

import org.densenet4j.io.ElementType;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes checkpoints byte for byte as {@code torch.save} does (torch/serialization.py, torch._utils
 * and CPython's pickler, protocol 2): for tests, as there is no PyTorch here.
 */
public final class PthWriter {
    /**
     * A tensor and the storage it views.
     *
     * @param bit of its metadata that is set, such as {@code neg}; null for none
     */
    public record View(
            String storage,
            ElementType type,
            byte[] data,
            int offset,
            int[] shape,
            int[] strides,
            String bit) {
        public View(
                String storage,
                ElementType type,
                byte[] data,
                int offset,
                int[] shape,
                int[] strides) {
            this(storage, type, data, offset, shape, strides, null);
        }

        View with(String set) {
            return new View(storage, type, data, offset, shape, strides, set);
        }
    }

    private final Map<String, View> tensors = new LinkedHashMap<>();
    private final List<String> nesting;
    private final boolean oldFunctions;

    /** A state dict at the top of the file. */
    public PthWriter() {
        this(List.of(), false);
    }

    /**
     * @param nesting keys under which the state dict lies
     * @param oldFunctions {@code _rebuild_tensor} instead of {@code _rebuild_tensor_v2}
     */
    public PthWriter(List<String> nesting, boolean oldFunctions) {
        this.nesting = nesting;
        this.oldFunctions = oldFunctions;
    }

    /** Adds a contiguous float32 tensor with a storage of its own. */
    public PthWriter floats(String name, List<Integer> shape, float[] values) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (float value : values) {
            int32(bytes, Float.floatToRawIntBits(value));
        }
        int[] sizes = shape.stream().mapToInt(Integer::intValue).toArray();
        return view(
                name,
                new View(
                        String.valueOf(tensors.size()),
                        ElementType.F32,
                        bytes.toByteArray(),
                        0,
                        sizes,
                        contiguous(sizes)));
    }

    /** Adds any tensor. */
    public PthWriter view(String name, View view) {
        tensors.put(name, view);
        return this;
    }

    static int[] contiguous(int[] shape) {
        int[] strides = new int[shape.length];
        int next = 1;
        for (int d = shape.length - 1; d >= 0; d--) {
            strides[d] = next;
            next *= shape[d];
        }
        return strides;
    }

    private Map<String, View> storages() {
        Map<String, View> storages = new LinkedHashMap<>();
        tensors.values().forEach(view -> storages.putIfAbsent(view.storage(), view));
        return storages;
    }

    // ---------------------------------------------------------------- files

    /** The zip file of PyTorch 1.6 and newer. */
    public Path writeZip(Path path) throws IOException {
        Map<String, byte[]> records = new LinkedHashMap<>();
        records.put("archive/data.pkl", pickle());
        records.put("archive/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
        storages().forEach((key, view) -> records.put("archive/data/" + key, view.data()));
        records.put("archive/version", "3\n".getBytes(StandardCharsets.US_ASCII));
        return zip(path, records, ZipEntry.STORED);
    }

    static Path zip(Path path, Map<String, byte[]> records, int method) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(path))) {
            for (Map.Entry<String, byte[]> record : records.entrySet()) {
                ZipEntry entry = new ZipEntry(record.getKey());
                CRC32 crc = new CRC32();
                crc.update(record.getValue());
                entry.setMethod(method);
                entry.setSize(record.getValue().length);
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(record.getValue());
            }
        }
        return path;
    }

    /** The format before PyTorch 1.6. */
    public Path writeLegacy(Path path) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] magic = {
            0x6c, (byte) 0xfc, (byte) 0x9c, 0x46, (byte) 0xf9, 0x20, 0x6a, (byte) 0xa8, 0x50, 0x19
        };
        bytes(out, 0x80, 2, 0x8a, 10);
        out.write(magic);
        bytes(out, '.', 0x80, 2, 'M', 0xe9, 0x03, '.');
        bytes(out, 0x80, 2, '}', 'q', 0);
        unicode(out, "little_endian");
        bytes(out, 0x88, 's', '.');
        out.write(pickle());
        bytes(out, 0x80, 2, ']', 'q', 0, '(');
        storages().keySet().forEach(key -> unicode(out, key));
        bytes(out, 'e', '.');
        for (View view : storages().values()) {
            int32(out, view.data().length / view.type().bytes());
            int32(out, 0);
            out.write(view.data());
        }
        Files.write(path, out.toByteArray());
        return path;
    }

    // ---------------------------------------------------------------- pickle

    /** The pickle of the state dict. */
    public byte[] pickle() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        bytes(out, 0x80, 2);
        for (String key : nesting) {
            bytes(out, '}', '(');
            unicode(out, "epoch");
            bytes(out, 'K', 90);
            unicode(out, "best");
            bytes(out, 'G');
            out.writeBytes(bigEndian(0.75));
            unicode(out, key);
        }
        orderedDict(out);
        bytes(out, 'q', 1, '(');
        tensors.forEach(
                (name, view) -> {
                    unicode(out, name);
                    tensor(out, view);
                });
        bytes(out, 'u', '}');
        unicode(out, "_metadata");
        orderedDict(out);
        bytes(out, 's', 'b');
        for (int i = 0; i < nesting.size(); i++) {
            bytes(out, 'u');
        }
        bytes(out, '.');
        return out.toByteArray();
    }

    private void tensor(ByteArrayOutputStream out, View view) {
        global(out, "torch._utils", oldFunctions ? "_rebuild_tensor" : "_rebuild_tensor_v2");
        bytes(out, '(', '(');
        unicode(out, "storage");
        global(out, "torch", storageName(view.type()));
        unicode(out, view.storage());
        unicode(out, "cpu");
        integer(out, view.data().length / view.type().bytes());
        if (oldFunctions) {
            bytes(out, 'N');
        }
        bytes(out, 't', 'Q');
        integer(out, view.offset());
        tuple(out, view.shape());
        tuple(out, view.strides());
        if (!oldFunctions) {
            bytes(out, 0x89);
            orderedDict(out);
        }
        if (view.bit() != null) {
            bytes(out, '}');
            unicode(out, view.bit());
            bytes(out, 0x88, 's');
        }
        bytes(out, 't', 'R');
    }

    private static String storageName(ElementType type) {
        return switch (type) {
            case F32 -> "FloatStorage";
            case F64 -> "DoubleStorage";
            case F16 -> "HalfStorage";
            case BF16 -> "BFloat16Storage";
            case I64 -> "LongStorage";
            default -> throw new IllegalArgumentException(type.toString());
        };
    }

    private static void tuple(ByteArrayOutputStream out, int... values) {
        if (values.length == 0) {
            bytes(out, ')');
        } else if (values.length <= 3) {
            for (int value : values) {
                integer(out, value);
            }
            bytes(out, 0x84 + values.length);
        } else {
            bytes(out, '(');
            for (int value : values) {
                integer(out, value);
            }
            bytes(out, 't');
        }
    }

    private static void integer(ByteArrayOutputStream out, int value) {
        if (value >= 0 && value < 256) {
            bytes(out, 'K', value);
        } else if (value >= 0 && value < 65536) {
            bytes(out, 'M', value & 0xFF, value >> 8);
        } else {
            bytes(out, 'J');
            int32(out, value);
        }
    }

    private static void orderedDict(ByteArrayOutputStream out) {
        global(out, "collections", "OrderedDict");
        bytes(out, ')', 'R');
    }

    static void global(ByteArrayOutputStream out, String module, String name) {
        out.writeBytes(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    static void unicode(ByteArrayOutputStream out, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        bytes(out, 'X');
        int32(out, utf8.length);
        out.writeBytes(utf8);
    }

    static void bytes(ByteArrayOutputStream out, int... values) {
        for (int value : values) {
            out.write(value);
        }
    }

    private static void int32(ByteArrayOutputStream out, int value) {
        bytes(out, value, value >> 8, value >> 16, value >> 24);
    }

    private static byte[] bigEndian(double value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            new DataOutputStream(out).writeDouble(value);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }
}
