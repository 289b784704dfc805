package org.densenet4j.io.pth;

import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Interprets a pickle (protocols 0 to 5) that holds tensors and containers; the opcodes are
 * CPython's (Lib/pickletools.py).
 *
 * <p>Nothing is executed: a {@code REDUCE} knows the few functions of {@link Global}; calling
 * anything else gives a {@link Placeholder} that remembers its name. Values are {@code null},
 * Boolean, Long, BigInteger, Double, String, {@code List} (lists and tuples), {@code Map}, {@link
 * StridedTensor}, {@link Storage} and {@link Placeholder}. Memory and time are linear in the length
 * of the pickle, and there is a limit to the memory.
 */
final class PickleReader {
    private static final int MAX_PROTOCOL = 5;
    private static final int MAX_DIMENSIONS = 32;

    /** Place of a tensor's metadata among the arguments that it is rebuilt from. */
    private static final int BITS = 6;

    private static final Set<String> CONSTRUCTORS =
            Set.of(
                    "copyreg._reconstructor",
                    "copy_reg._reconstructor",
                    "copyreg.__newobj__",
                    "copyreg.__newobj_ex__",
                    "numpy.core.multiarray._reconstruct",
                    "numpy._core.multiarray._reconstruct");

    private static final Set<String> FROM_BUFFER =
            Set.of("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer");
    private static final Object MARK = new Object();

    // About what values cost on the heap, with the place on the stack.
    private static final long VALUE = 32;
    private static final long CONTAINER = 104;
    private static final long ENTRY = 64;
    private static final int MOST_DIGITS = 300;
    private static final long LARGEST = 256 << 20;

    /** Longer bytes are data. */
    private static final int LONGEST_TEXT = 1024;

    private final ByteBuffer in;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Long, Object> memo = new HashMap<>();
    private final Map<String, Storage> storages;

    /** Entries that may still be copied: a list could be turned into a dict again and again. */
    private int copies;

    /** Whether bytes are wanted, as they are in data sets and not in weights. */
    private boolean keepsBytes;

    /** Bytes that values may still take. */
    private long room = Math.min(LARGEST, Runtime.getRuntime().maxMemory() / 4);

    private PickleReader(ByteBuffer in, Map<String, Storage> storages) {
        this.in = in;
        this.storages = storages;
        this.copies = in.remaining();
    }

    /**
     * Reads one pickle and leaves {@code in} behind it.
     *
     * @param storages receives all storages that are referred to, by their keys
     * @throws PickleException when it is broken or wants something that is refused
     */
    static Object read(ByteBuffer in, Map<String, Storage> storages) throws PickleException {
        try {
            return new PickleReader(in.order(ByteOrder.LITTLE_ENDIAN), storages).run();
        } catch (BufferUnderflowException e) {
            throw new PickleException("the pickle ends early; truncated?");
        }
    }

    /**
     * Reads one pickle of a data set: the same, and the bytes of NumPy's arrays are kept. Short
     * bytes are text, as they are in Python 2.
     */
    static Object readData(ByteBuffer in) throws PickleException {
        try {
            PickleReader reader =
                    new PickleReader(in.order(ByteOrder.LITTLE_ENDIAN), new HashMap<>());
            reader.keepsBytes = true;
            return reader.run();
        } catch (BufferUnderflowException e) {
            throw new PickleException("the pickle ends early; truncated?");
        }
    }

    private Object run() throws PickleException {
        while (true) {
            int opcode = in.get() & 0xFF;
            switch (opcode) {
                case 0x80 -> protocol(); // PROTO
                case 0x95 -> in.getLong(); // FRAME: only a hint
                case '.' -> { // STOP
                    return pop();
                }
                case '(' -> push(MARK);
                case '0' -> drop(); // POP
                case '1' -> popMark(); // POP_MARK
                case '2' -> push(top()); // DUP
                case 'N' -> push(null);
                case 0x88 -> push(true); // NEWTRUE
                case 0x89 -> push(false); // NEWFALSE
                case 'J' -> push((long) in.getInt()); // BININT
                case 'K' -> push((long) (in.get() & 0xFF)); // BININT1
                case 'M' -> push((long) (in.getShort() & 0xFFFF)); // BININT2
                case 0x8a -> push(integer(in.get() & 0xFF)); // LONG1
                case 0x8b -> push(integer(in.getInt())); // LONG4
                case 'G' -> push(Double.longBitsToDouble(Long.reverseBytes(in.getLong())));
                case 'I' -> push(integerLine()); // INT
                case 'L' -> push(integerLine()); // LONG
                case 'F' -> push(floatLine()); // FLOAT
                case 'V' -> push(line()); // UNICODE: names need no escapes
                case 'S' -> push(unquoted(line())); // STRING
                case 'B' -> push(bytes("bytes", in.getInt() & 0xFFFF_FFFFL)); // BINBYTES
                case 'C' -> push(bytes("bytes", in.get() & 0xFF)); // SHORT_BINBYTES
                case 0x8e -> push(bytes("bytes", in.getLong())); // BINBYTES8
                case 0x96 -> push(bytes("bytearray", in.getLong())); // BYTEARRAY8
                case 'X' -> push(text(in.getInt() & 0xFFFF_FFFFL, StandardCharsets.UTF_8));
                case 0x8c -> push(text(in.get() & 0xFF, StandardCharsets.UTF_8));
                case 0x8d -> push(text(in.getLong(), StandardCharsets.UTF_8));
                case 'U' -> push(text(in.get() & 0xFF, StandardCharsets.ISO_8859_1));
                case 'T' -> push(string(in.getInt()));
                case ')' -> push(List.of());
                case 't' -> push(popMark());
                case 0x85 -> push(popLast(1));
                case 0x86 -> push(popLast(2));
                case 0x87 -> push(popLast(3));
                case 'l' -> push(popMark()); // LIST
                case 'd' -> dict(popMark()); // DICT
                case 0x8f -> push(new Placeholder("set")); // EMPTY_SET
                case 0x90 -> addItems(); // ADDITEMS
                case 0x91 -> frozenSet(); // FROZENSET
                case ']' -> push(new ArrayList<>());
                case 'a' -> append(popLast(1)); // APPEND
                case 'e' -> append(popMark()); // APPENDS
                case '}' -> push(new LinkedHashMap<>());
                case 's' -> setItems(popLast(2)); // SETITEM
                case 'u' -> setItems(popMark()); // SETITEMS
                case 'q' -> remember(in.get() & 0xFF); // BINPUT
                case 'r' -> remember(in.getInt() & 0xFFFF_FFFFL); // LONG_BINPUT
                case 0x94 -> remember(memo.size()); // MEMOIZE
                case 'p' -> remember(index(line())); // PUT
                case 'g' -> push(remembered(index(line()))); // GET
                case 'h' -> push(remembered(in.get() & 0xFF)); // BINGET
                case 'j' -> push(remembered(in.getInt() & 0xFFFF_FFFFL)); // LONG_BINGET
                case 'c' -> push(Global.named(line(), line())); // GLOBAL
                case 0x93 -> stackGlobal();
                case 'Q' -> push(storage(pop())); // BINPERSID
                case 'R' -> reduce();
                case 0x81 -> reduce(); // NEWOBJ: for what is allowed the same as calling it
                case 0x92 -> newObjectWithNames(); // NEWOBJ_EX
                case 'i' -> instance(); // INST
                case 'o' -> object(); // OBJ
                case 'b' -> build();
                case 'P' -> // PERSID
                        throw new PickleException(
                                "names its storages by text (pickle protocol 0), which PyTorch"
                                        + " never does; save it again with torch.save");
                case 0x82, 0x83, 0x84 -> // EXT1, EXT2, EXT4
                        throw new PickleException(
                                "refers to the extension registry of the Python that wrote it"
                                        + " (copyreg), which nobody else has; save"
                                        + " model.state_dict() alone");
                case 0x97, 0x98 -> // NEXT_BUFFER, READONLY_BUFFER
                        throw new PickleException(
                                "keeps data outside of the file (out-of-band buffers of pickle"
                                        + " protocol 5); save it again with torch.save");
                default ->
                        throw new PickleException(
                                String.format(
                                        Locale.ROOT,
                                        "the pickle has the opcode 0x%02x at %d, which is refused",
                                        opcode,
                                        in.position() - 1));
            }
        }
    }

    private void protocol() throws PickleException {
        int version = in.get() & 0xFF;
        if (version > MAX_PROTOCOL) {
            throw new PickleException("pickle protocol " + version + " is not known");
        }
    }

    // ---------------------------------------------------------------- stack

    private void push(Object value) throws PickleException {
        take(
                switch (value) {
                    case String text -> VALUE + 2L * text.length();
                    case BigInteger number -> VALUE + number.bitLength() / 8;
                    case List<?> list -> CONTAINER + 8L * list.size();
                    case Map<?, ?> _, Placeholder _, StridedTensor _, Storage _ -> CONTAINER;
                    case null, default -> VALUE;
                });
        stack.add(value);
    }

    private void take(long bytes) throws PickleException {
        room -= bytes;
        if (room < 0) {
            throw new PickleException(
                    "the pickle has too many values; save model.state_dict() alone");
        }
    }

    private void remember(long index) throws PickleException {
        take(ENTRY);
        memo.put(index, top());
    }

    private Object pop() throws PickleException {
        Object value = top();
        stack.removeLast();
        return value;
    }

    private Object top() throws PickleException {
        if (stack.isEmpty() || stack.getLast() == MARK) {
            throw broken();
        }
        return stack.getLast();
    }

    private void drop() throws PickleException {
        if (stack.isEmpty()) {
            throw broken();
        }
        stack.removeLast(); // a mark, too
    }

    private List<Object> popMark() throws PickleException {
        int mark = stack.lastIndexOf(MARK);
        if (mark < 0) {
            throw broken();
        }
        return popFrom(mark + 1, mark);
    }

    private List<Object> popLast(int count) throws PickleException {
        int from = stack.size() - count;
        if (from < 0 || stack.subList(from, stack.size()).contains(MARK)) {
            throw broken();
        }
        return popFrom(from, from);
    }

    private List<Object> popFrom(int from, int newSize) {
        List<Object> items = new ArrayList<>(stack.subList(from, stack.size()));
        stack.subList(newSize, stack.size()).clear();
        return items;
    }

    private Object remembered(long index) throws PickleException {
        Object value = memo.get(index);
        if (value == null && !memo.containsKey(index)) {
            throw broken();
        }
        return value;
    }

    private PickleException broken() {
        return new PickleException("the pickle is broken at byte " + (in.position() - 1));
    }

    // ---------------------------------------------------------------- values

    private Object integer(int length) throws PickleException {
        byte[] bytes = new byte[checked(length)];
        in.get(bytes);
        for (int i = 0, j = bytes.length - 1; i < j; i++, j--) {
            byte swap = bytes[i];
            bytes[i] = bytes[j];
            bytes[j] = swap;
        }
        BigInteger value = bytes.length == 0 ? BigInteger.ZERO : new BigInteger(bytes);
        return number(value);
    }

    private static Object number(BigInteger value) {
        return value.bitLength() < 64 ? (Object) value.longValue() : value;
    }

    /** Names of files and the like may be no valid text. */
    private String text(long length, Charset charset) throws PickleException {
        byte[] bytes = new byte[checked(length)];
        in.get(bytes);
        return new String(bytes, charset);
    }

    private int checked(long length) throws PickleException {
        if (length < 0 || length > in.remaining()) {
            throw new PickleException("the pickle ends early; truncated?");
        }
        return (int) length;
    }

    private String line() throws PickleException {
        int start = in.position();
        int end = start;
        while (end < in.limit() && in.get(end) != '\n') {
            end++;
        }
        String text = text(end - start, StandardCharsets.UTF_8);
        in.get();
        return text;
    }

    /** Bytes are nothing that is wanted here. */
    private Object bytes(String what, long length) throws PickleException {
        if (keepsBytes) {
            return string(length);
        }
        in.position(in.position() + checked(length));
        return new Placeholder(what);
    }

    /** A string of Python 2, where bytes are strings, too. */
    private Object string(long length) throws PickleException {
        if (!keepsBytes || length <= LONGEST_TEXT) {
            return text(length, StandardCharsets.ISO_8859_1);
        }
        ByteBuffer slice = in.slice(in.position(), checked(length));
        in.position(in.position() + slice.remaining());
        return slice;
    }

    private Object integerLine() throws PickleException {
        String digits = line();
        if (digits.equals("00") || digits.equals("01")) {
            return digits.equals("01"); // how protocol 1 writes booleans
        }
        String number = digits.endsWith("L") ? digits.substring(0, digits.length() - 1) : digits;
        if (number.length() > MOST_DIGITS) {
            return new Placeholder("int"); // to read more takes longer than linear time
        }
        try {
            return number(new BigInteger(number));
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private Object floatLine() throws PickleException {
        try {
            String number = line();
            return switch (number) {
                case "inf" -> Double.POSITIVE_INFINITY;
                case "-inf" -> Double.NEGATIVE_INFINITY;
                case "nan" -> Double.NaN;
                default -> Double.valueOf(number);
            };
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private static String unquoted(String text) {
        boolean quoted =
                text.length() >= 2
                        && (text.startsWith("'") || text.startsWith("\""))
                        && text.charAt(0) == text.charAt(text.length() - 1);
        return quoted ? text.substring(1, text.length() - 1) : text;
    }

    private long index(String text) throws PickleException {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private void dict(List<Object> items) throws PickleException {
        push(new LinkedHashMap<>());
        setItems(items);
    }

    private void addItems() throws PickleException {
        popMark();
        if (!(top() instanceof Placeholder)) {
            throw broken();
        }
    }

    private void frozenSet() throws PickleException {
        popMark();
        push(new Placeholder("frozenset"));
    }

    private void append(List<Object> items) throws PickleException {
        if (top() instanceof Placeholder) {
            return; // a list of a class of its own
        }
        if (!(top() instanceof ArrayList<?>)) {
            throw broken();
        }
        @SuppressWarnings("unchecked") // everything on the stack was made here
        List<Object> list = (List<Object>) top();
        take(8L * items.size());
        list.addAll(items);
    }

    private void setItems(List<Object> items) throws PickleException {
        Object target = top() instanceof Placeholder object ? object.changedItems() : top();
        if (!(target instanceof Map<?, ?>) || items.size() % 2 != 0) {
            throw broken();
        }
        @SuppressWarnings("unchecked") // everything on the stack was made here
        Map<Object, Object> map = (Map<Object, Object>) target;
        take(ENTRY * items.size() / 2);
        for (int i = 0; i < items.size(); i += 2) {
            Object key = items.get(i);
            // Under other keys, such as tuples, nobody looks; they could contain themselves.
            if (key instanceof String || key instanceof Long || key instanceof Boolean) {
                map.put(key, items.get(i + 1));
            }
        }
    }

    private void stackGlobal() throws PickleException {
        List<Object> names = popLast(2);
        if (!(names.get(0) instanceof String module) || !(names.get(1) instanceof String name)) {
            throw broken();
        }
        push(Global.named(module, name));
    }

    // ---------------------------------------------------------------- objects

    /** {@code ('storage', type, key, location, count)}, with a view behind it in the old format. */
    private Object storage(Object id) throws PickleException {
        if (id instanceof List<?> other
                && other.size() > 1
                && "module".equals(other.getFirst())
                && other.get(1) instanceof Placeholder type) {
            return type; // a class, with its source
        }
        if (!(id instanceof List<?> parts)
                || parts.size() < 5
                || !"storage".equals(parts.get(0))
                || !(parts.get(1) instanceof StorageType || parts.get(1) instanceof Placeholder)
                || !(parts.get(2) instanceof String key)
                || !(parts.get(4) instanceof Long count)) {
            throw new PickleException("a storage is not described as PyTorch does");
        }
        if (parts.size() > 5 && parts.get(5) != null) {
            throw new PickleException(
                    "has storages that are views of others, as PyTorch before 0.4 could write;"
                            + " load and save it again with a newer one");
        }
        StorageType type =
                parts.get(1) instanceof Placeholder other
                        ? new StorageType(other.what(), null, 0)
                        : (StorageType) parts.get(1);
        if (count < 0 || count > Long.MAX_VALUE / Math.max(1, type.bytes())) {
            throw new PickleException("storage '" + printable(key) + "' has an impossible size");
        }
        Storage storage = new Storage(key, type, count);
        Storage known = storages.putIfAbsent(key, storage);
        if (known != null && !known.equals(storage)) {
            throw new PickleException("storage '" + printable(key) + "' is described in two ways");
        }
        return storage;
    }

    private void reduce() throws PickleException {
        List<Object> call = popLast(2);
        push(call(call.get(0), call.get(1)));
    }

    /** What a call gives; nothing is called. */
    private Object call(Object function, Object arguments) throws PickleException {
        if (keepsBytes && function instanceof Placeholder named && arguments instanceof List<?> a) {
            if (named.what().equals("_codecs.encode")
                    && !a.isEmpty()
                    && a.getFirst() instanceof String) {
                return a.getFirst(); // how Python 3 writes bytes in protocol 2
            }
            if (FROM_BUFFER.contains(named.what()) && a.size() == 4) { // and arrays in protocol 5
                Placeholder array = new Placeholder(Placeholder.ARRAY);
                boolean columnsFirst = "F".equals(a.get(3));
                array.state(Arrays.asList(1L, a.get(2), a.get(1), columnsFirst, a.get(0)));
                return array;
            }
        }
        if (function instanceof Placeholder || function instanceof StorageType) {
            return new Placeholder(nameOf(function, arguments));
        }
        if (!(function instanceof Global global) || !(arguments instanceof List<?> a)) {
            throw new PickleException("the pickle calls something that is not a function");
        }
        return switch (global) {
            case ORDERED_DICT -> orderedDict(a);
            case REBUILD_TENSOR, REBUILD_TENSOR_V2 -> tensor(a);
            case REBUILD_PARAMETER -> parameter(a);
            case REBUILD_FROM_TYPE -> fromType(a);
            case SIZE -> size(a);
        };
    }

    /** Some functions make an object of the class that is their first argument. */
    private static String nameOf(Object function, Object arguments) {
        if (!(function instanceof Placeholder placeholder)) {
            return ((StorageType) function).name();
        }
        return CONSTRUCTORS.contains(placeholder.what())
                        && arguments instanceof List<?> a
                        && !a.isEmpty()
                        && a.getFirst() instanceof Placeholder type
                ? type.what()
                : placeholder.what();
    }

    /** A class, arguments in order and arguments by name. */
    private void newObjectWithNames() throws PickleException {
        List<Object> call = popLast(3);
        push(call(call.get(0), call.get(1)));
    }

    /** {@code INST}: the names of a class, with the arguments behind a mark. */
    private void instance() throws PickleException {
        Object type = Global.named(line(), line());
        push(call(type, popMark()));
    }

    /** {@code OBJ}: a class and its arguments behind a mark. */
    private void object() throws PickleException {
        List<Object> all = popMark();
        if (all.isEmpty()) {
            throw broken();
        }
        push(call(all.getFirst(), all.subList(1, all.size())));
    }

    /** A tensor of a class of its own, or with attributes: function, class, arguments, state. */
    private Object fromType(List<?> a) throws PickleException {
        if (a.size() >= 3
                && (a.get(0) == Global.REBUILD_TENSOR || a.get(0) == Global.REBUILD_TENSOR_V2)) {
            return call(a.get(0), a.get(2));
        }
        return new Placeholder("a tensor of another class");
    }

    private Map<Object, Object> orderedDict(List<?> arguments) throws PickleException {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (arguments.isEmpty()) {
            return map;
        }
        if (!(arguments.getFirst() instanceof List<?> pairs) || arguments.size() != 1) {
            throw new PickleException("an OrderedDict is not described as Python does");
        }
        copies -= pairs.size();
        take(ENTRY * pairs.size());
        for (Object pair : pairs) {
            if (copies < 0 || !(pair instanceof List<?> p) || p.size() != 2) {
                throw new PickleException("an OrderedDict is not described as Python does");
            }
            if (p.get(0) instanceof String) {
                map.put(p.get(0), p.get(1));
            }
        }
        return map;
    }

    private static Object tensor(List<?> arguments) throws PickleException {
        if (!arguments.isEmpty() && arguments.getFirst() instanceof Placeholder type) {
            return new Placeholder("a tensor of " + type.what());
        }
        if (arguments.size() < 4
                || !(arguments.get(0) instanceof Storage storage)
                || !(arguments.get(1) instanceof Long offset)) {
            throw new PickleException("a tensor is not described as PyTorch does");
        }
        List<Long> shape = numbers(arguments.get(2));
        List<Long> strides = numbers(arguments.get(3));
        if (storage.type().elements() == null) {
            return new Placeholder("a tensor of " + storage.type().name() + " " + shape);
        }
        Object tensor = StridedTensor.of(storage, offset, shape, strides);
        return tensor instanceof StridedTensor read && arguments.size() > BITS
                ? withBits(read, arguments.get(BITS))
                : tensor;
    }

    /**
     * What PyTorch leaves to be done when a tensor is read, such as a negation of what is stored:
     * {@code {'neg': True}} behind the hooks, since version 2.
     */
    private static Object withBits(StridedTensor tensor, Object bits) {
        if (bits == null || bits instanceof Map<?, ?> none && none.isEmpty()) {
            return tensor;
        }
        boolean known =
                bits instanceof Map<?, ?> map
                        && map.entrySet().stream()
                                .allMatch(
                                        bit ->
                                                Boolean.FALSE.equals(bit.getValue())
                                                        || bit.getKey().equals("neg")
                                                                && Boolean.TRUE.equals(
                                                                        bit.getValue()));
        if (!known || !tensor.storage().type().elements().isFloat()) {
            return new Placeholder(
                    "a tensor of shape " + tensor.shape() + " with conversions to be done");
        }
        return ((Map<?, ?>) bits).containsValue(true) ? tensor.negated() : tensor;
    }

    private static List<Long> numbers(Object value) throws PickleException {
        List<Long> numbers = new ArrayList<>();
        if (value instanceof List<?> list && list.size() <= MAX_DIMENSIONS) {
            for (Object number : list) {
                if (number instanceof Long n) {
                    numbers.add(n);
                }
            }
            if (numbers.size() == list.size()) {
                return numbers;
            }
        }
        throw new PickleException("a tensor's shape is not described as PyTorch does");
    }

    private static Object parameter(List<?> arguments) throws PickleException {
        if (arguments.isEmpty()
                || !(arguments.getFirst() instanceof StridedTensor
                        || arguments.getFirst() instanceof Placeholder)) {
            throw new PickleException("a parameter is not described as PyTorch does");
        }
        return arguments.getFirst();
    }

    private static List<Long> size(List<?> arguments) throws PickleException {
        if (arguments.size() != 1) {
            throw new PickleException("a torch.Size is not described as PyTorch does");
        }
        return numbers(arguments.getFirst());
    }

    /** The state of an object, such as a state dict's {@code _metadata}: nobody needs it here. */
    private void build() throws PickleException {
        Object state = pop();
        if (top() instanceof Placeholder object) {
            object.state(state);
        }
    }

    /** Text of a hostile file in a message: short and without control characters. */
    static String printable(String text) {
        String clean = text.replaceAll("[^\\x20-\\x7e]", "?");
        return clean.length() <= 120 ? clean : clean.substring(0, 120) + "...";
    }
}
