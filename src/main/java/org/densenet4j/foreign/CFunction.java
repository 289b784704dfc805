package org.densenet4j.foreign;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Collections;

/**
 * A function in C whose arguments and result are integers or addresses.
 *
 * <p>A JVM that has just started takes some 4 milliseconds to link functions of a type that it has
 * not met. So all arguments and results go as 64 bits, by which functions with as many arguments
 * are of one type, and that is linked when one of them is first called. The callee looks at the
 * bits of its own types only: System V on x86-64, Windows on x64 and AAPCS64 give each argument a
 * register or eight bytes of the stack. (Apple's arm64 packs those on the stack; int arguments have
 * to be among the first eight there, which go in registers.)
 */
public final class CFunction {
    private static final int MOST_ARGUMENTS = 13;

    /** By number of arguments; two threads may link the same, which are alike. */
    private static final @Nullable MethodHandle[] LINKED = new MethodHandle[MOST_ARGUMENTS + 1];

    private final MemorySegment symbol;

    /**
     * A function that is not linked before it is called.
     *
     * @param symbol its address
     */
    public CFunction(MemorySegment symbol) {
        this.symbol = symbol;
    }

    /**
     * A function of the C library.
     *
     * @throws java.util.NoSuchElementException when it has none of this name
     */
    public static CFunction ofSystem(String name) {
        return new CFunction(Linker.nativeLinker().defaultLookup().findOrThrow(name));
    }

    /**
     * Calls. Addresses have to stay valid until it returns: no one checks.
     *
     * @param a as many arguments as the function has, but 8 to 11 or more than 13
     * @return its result; of an int the upper half may be anything
     */
    public long call(long... a) {
        MethodHandle f = linked(a.length);
        try {
            return switch (a.length) {
                case 0 -> (long) f.invokeExact(symbol);
                case 1 -> (long) f.invokeExact(symbol, a[0]);
                case 2 -> (long) f.invokeExact(symbol, a[0], a[1]);
                case 3 -> (long) f.invokeExact(symbol, a[0], a[1], a[2]);
                case 4 -> (long) f.invokeExact(symbol, a[0], a[1], a[2], a[3]);
                case 5 -> (long) f.invokeExact(symbol, a[0], a[1], a[2], a[3], a[4]);
                case 6 -> (long) f.invokeExact(symbol, a[0], a[1], a[2], a[3], a[4], a[5]);
                case 7 -> (long) f.invokeExact(symbol, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
                case 12 ->
                        (long)
                                f.invokeExact(
                                        symbol, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],
                                        a[8], a[9], a[10], a[11]);
                case 13 ->
                        (long)
                                f.invokeExact(
                                        symbol, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],
                                        a[8], a[9], a[10], a[11], a[12]);
                default -> throw new AssertionError(a.length);
            };
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle linked(int arguments) {
        if (arguments > MOST_ARGUMENTS || arguments > 7 && arguments < 12) {
            throw new IllegalArgumentException("no functions with " + arguments + " arguments");
        }
        MethodHandle there = LINKED[arguments];
        if (there != null) {
            return there;
        }
        MemoryLayout[] all = Collections.nCopies(arguments, JAVA_LONG).toArray(MemoryLayout[]::new);
        MethodHandle made =
                Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_LONG, all));
        LINKED[arguments] = made;
        return made;
    }
}
