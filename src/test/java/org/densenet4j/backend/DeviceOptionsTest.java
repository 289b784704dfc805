package org.densenet4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import org.junit.jupiter.api.Test;

import java.lang.reflect.RecordComponent;
import java.util.Locale;

class DeviceOptionsTest {
    @Test
    void everyWitherChangesItsOwnComponentOnly() throws ReflectiveOperationException {
        DeviceOptions from =
                new DeviceOptions(
                        3,
                        true,
                        true,
                        2,
                        true,
                        true,
                        DataType.BFLOAT16,
                        true,
                        CpuIsa.AVX512,
                        0.5,
                        true,
                        true,
                        true,
                        true,
                        true);
        for (RecordComponent changed : DeviceOptions.class.getRecordComponents()) {
            String name = changed.getName();
            Object value = another(changed.getAccessor().invoke(from));
            Object result =
                    DeviceOptions.class
                            .getMethod(
                                    "with"
                                            + name.substring(0, 1).toUpperCase(Locale.ROOT)
                                            + name.substring(1),
                                    changed.getType())
                            .invoke(from, value);
            for (RecordComponent c : DeviceOptions.class.getRecordComponents()) {
                Object expected = c.getName().equals(name) ? value : c.getAccessor().invoke(from);
                assertEquals(expected, c.getAccessor().invoke(result), name + ": " + c.getName());
            }
        }
    }

    private static Object another(Object value) {
        Object other =
                switch (value) {
                    case Boolean b -> !b;
                    case Integer i -> i + 1;
                    case Double d -> d + 1;
                    case DataType t -> DataType.FLOAT32;
                    case CpuIsa isa -> CpuIsa.NONE;
                    default -> null;
                };
        assertNotNull(other, "no other value of " + value.getClass());
        return other;
    }
}
