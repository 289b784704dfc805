package org.densenet4j.io.pth;

import org.densenet4j.io.ElementType;

import java.util.Map;

/** What a pickle refers to by name and is understood here: nothing that could do anything. */
enum Global {
    /** {@code collections.OrderedDict}. */
    ORDERED_DICT,
    /** {@code torch._utils._rebuild_tensor} of the oldest files. */
    REBUILD_TENSOR,
    /** {@code torch._utils._rebuild_tensor_v2}. */
    REBUILD_TENSOR_V2,
    /** {@code torch._utils._rebuild_parameter}, with or without state: the tensor inside. */
    REBUILD_PARAMETER,
    /** {@code torch._tensor._rebuild_from_type_v2}: a tensor with attributes. */
    REBUILD_FROM_TYPE,
    /** {@code torch.Size}: a tuple. */
    SIZE;

    private static final Map<String, Global> BY_NAME =
            Map.of(
                    "collections.OrderedDict", ORDERED_DICT,
                    "torch._utils._rebuild_tensor", REBUILD_TENSOR,
                    "torch._utils._rebuild_tensor_v2", REBUILD_TENSOR_V2,
                    "torch._utils._rebuild_parameter", REBUILD_PARAMETER,
                    "torch._utils._rebuild_parameter_with_state", REBUILD_PARAMETER,
                    "torch._tensor._rebuild_from_type_v2", REBUILD_FROM_TYPE,
                    "torch.Size", SIZE);

    private static final Map<String, StorageType> STORAGES =
            Map.ofEntries(
                    storage("FloatStorage", ElementType.F32),
                    storage("DoubleStorage", ElementType.F64),
                    storage("HalfStorage", ElementType.F16),
                    storage("BFloat16Storage", ElementType.BF16),
                    storage("LongStorage", ElementType.I64),
                    storage("IntStorage", ElementType.I32),
                    storage("ShortStorage", ElementType.I16),
                    storage("CharStorage", ElementType.I8),
                    storage("ByteStorage", ElementType.U8),
                    storage("BoolStorage", ElementType.BOOL),
                    storage("ComplexFloatStorage", null, 8),
                    storage("ComplexDoubleStorage", null, 16),
                    storage("QInt8Storage", null, 1),
                    storage("QUInt8Storage", null, 1),
                    storage("QInt32Storage", null, 4),
                    storage("QUInt4x2Storage", null, 1),
                    storage("QUInt2x4Storage", null, 1));

    private static Map.Entry<String, StorageType> storage(String name, ElementType type) {
        return storage(name, type, type.bytes());
    }

    private static Map.Entry<String, StorageType> storage(
            String name, ElementType type, int bytes) {
        String full = "torch." + name;
        return Map.entry(full, new StorageType(full, type, bytes));
    }

    /**
     * Looks a name up in the short list of what is understood.
     *
     * @return a {@link Global} or a {@link StorageType}, or a {@link Placeholder} for anything else
     */
    static Object named(String module, String name) {
        String full = module + "." + name;
        Object found = BY_NAME.get(full);
        if (found == null) {
            found = STORAGES.get(full);
        }
        return found == null ? new Placeholder(PickleReader.printable(full)) : found;
    }
}
