package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * A class compiled once more for another storage type of activations.
 *
 * <p>The type is a constant of the class: loops that ask for it, or share compiled code with loops
 * over another type, are several times slower. The class itself is for float32; a copy of it is a
 * hidden class with the other type as its class data (JEP 371).
 */
final class StorageCopy {
    private StorageCopy() {}

    /** The constant, asked by the class about itself. */
    static DataType storage(MethodHandles.Lookup self) {
        try {
            DataType type = MethodHandles.classData(self, "_", DataType.class);
            return type == null ? DataType.FLOAT32 : type;
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * The constructor, taking the arena's memory, of a copy.
     *
     * @param as what callers know the copy as: a superclass or an interface
     */
    static MethodHandle constructor(Class<?> original, DataType type, Class<?> as) {
        String file = original.getSimpleName() + ".class";
        try (InputStream in = original.getResourceAsStream(file)) {
            MethodHandles.Lookup copy =
                    MethodHandles.lookup()
                            .defineHiddenClassWithClassData(in.readAllBytes(), type, true);
            return copy.findConstructor(
                            copy.lookupClass(),
                            MethodType.methodType(void.class, MemorySegment.class))
                    .asType(MethodType.methodType(as, MemorySegment.class));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
