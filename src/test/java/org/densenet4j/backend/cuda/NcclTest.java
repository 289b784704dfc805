package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** NCCL's functions as they are called, by a library whose functions are methods of this test. */
class NcclTest {
    private static final MemoryLayout ID =
            MemoryLayout.structLayout(MemoryLayout.sequenceLayout(Nccl.ID_BYTES, JAVA_BYTE));

    private static final MemorySegment COMMUNICATOR = MemorySegment.ofAddress(0xC0);

    private final Arena memory = Arena.ofAuto();
    private final Map<String, MemorySegment> functions = new HashMap<>();
    private final List<String> calls = new ArrayList<>();
    private final byte[] id = new byte[Nccl.ID_BYTES];

    /** What each function answers, 0 unless told. */
    private final Map<String, Integer> answers = new HashMap<>();

    private int asyncError;
    private String lastError = "";

    NcclTest() throws ReflectiveOperationException {
        for (int i = 0; i < id.length; i++) {
            id[i] = (byte) (3 * i + 1);
        }
        function("ncclGetUniqueId", ADDRESS);
        function("ncclCommInitRank", ADDRESS, JAVA_INT, ID, JAVA_INT);
        function(
                "ncclAllReduce", ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
        function("ncclGroupStart");
        function("ncclGroupEnd");
        function("ncclCommGetAsyncError", ADDRESS, ADDRESS);
        function("ncclCommAbort", ADDRESS);
        text("ncclGetErrorString", JAVA_INT);
        text("ncclGetLastError", ADDRESS);
    }

    private void function(String name, MemoryLayout... arguments)
            throws ReflectiveOperationException {
        bind(name, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private void text(String name, MemoryLayout... arguments) throws ReflectiveOperationException {
        bind(name, FunctionDescriptor.of(ADDRESS, arguments));
    }

    private void bind(String name, FunctionDescriptor type) throws ReflectiveOperationException {
        MethodType method = type.toMethodType();
        MethodHandle handle = MethodHandles.lookup().findVirtual(NcclTest.class, name, method);
        functions.put(name, Linker.nativeLinker().upcallStub(handle.bindTo(this), type, memory));
    }

    private Nccl nccl() {
        SymbolLookup lookup = name -> Optional.ofNullable(functions.get(name));
        return new Nccl(lookup);
    }

    private int answer(String function) {
        return answers.getOrDefault(function, 0);
    }

    // The library.

    int ncclGetUniqueId(MemorySegment out) {
        MemorySegment.copy(id, 0, out.reinterpret(id.length), JAVA_BYTE, 0, id.length);
        return answer("ncclGetUniqueId");
    }

    int ncclCommInitRank(MemorySegment out, int ranks, MemorySegment name, int rank) {
        assertArrayEquals(id, name.toArray(JAVA_BYTE));
        calls.add("rank " + rank + " of " + ranks);
        out.reinterpret(ADDRESS.byteSize()).set(ADDRESS, 0, COMMUNICATOR);
        return answer("ncclCommInitRank");
    }

    int ncclAllReduce(
            MemorySegment from,
            MemorySegment to,
            long count,
            int type,
            int operation,
            MemorySegment communicator,
            MemorySegment stream) {
        assertEquals(from, to);
        assertEquals(7, type, "ncclFloat32");
        assertEquals(0, operation, "ncclSum");
        assertEquals(COMMUNICATOR, communicator);
        calls.add(count + " floats at " + from.address());
        return answer("ncclAllReduce");
    }

    int ncclGroupStart() {
        calls.add("group");
        return answer("ncclGroupStart");
    }

    int ncclGroupEnd() {
        calls.add("end");
        return answer("ncclGroupEnd");
    }

    int ncclCommGetAsyncError(MemorySegment communicator, MemorySegment out) {
        assertEquals(COMMUNICATOR, communicator);
        out.reinterpret(JAVA_INT.byteSize()).set(JAVA_INT, 0, asyncError);
        return answer("ncclCommGetAsyncError");
    }

    int ncclCommAbort(MemorySegment communicator) {
        assertEquals(COMMUNICATOR, communicator);
        calls.add("abort");
        return answer("ncclCommAbort");
    }

    MemorySegment ncclGetErrorString(int status) {
        return memory.allocateFrom("status " + status);
    }

    MemorySegment ncclGetLastError(MemorySegment communicator) {
        return memory.allocateFrom(lastError);
    }

    // The tests.

    private Nccl.Rank joined() {
        Nccl nccl = nccl();
        return nccl.join(nccl.uniqueId(), 1, 4);
    }

    private static final DeviceStream STREAM = new DeviceStream();

    @Test
    void theNameOfAJobIsPassedByValue() {
        joined();
        assertEquals(List.of("rank 1 of 4"), calls);
    }

    /** Naming a job needs no GPU. */
    @Test
    void theLibraryOfThisMachineHasWhatIsCalledAndNamesJobs() {
        Optional<Path> file = CudaLibraries.find().path(CudaLibrary.NCCL);
        assumeTrue(file.isPresent(), "there is no NCCL on this machine");
        Nccl nccl = new Nccl(DynamicLoader.lookup(file.get()));
        assertFalse(Arrays.equals(nccl.uniqueId(), nccl.uniqueId()));
    }

    @Test
    void severalPartsAreOneOperation() {
        Nccl.Rank rank = joined();
        calls.clear();
        rank.allReduce(List.of(new FloatRange(4096, 10)), STREAM);
        assertEquals(List.of("10 floats at 4096"), calls);
        calls.clear();
        rank.allReduce(List.of(new FloatRange(4096, 10), new FloatRange(64, 1L << 33)), STREAM);
        assertEquals(
                List.of("group", "10 floats at 4096", (1L << 33) + " floats at 64", "end"), calls);
    }

    @Test
    void aCallThatFailsNamesTheOperationItsSizeAndWhatTheLibrarySays() {
        Nccl.Rank rank = joined();
        lastError = "Duplicate GPU detected :\n rank 0 and rank 1 both on CUDA device 1b000\n";
        answers.put("ncclAllReduce", 5);
        assertMessage(
                "sum of 10 floats over ranks: NCCL says status 5 (Duplicate GPU detected :  rank 0"
                        + " and rank 1 both on CUDA device 1b000)",
                () -> rank.allReduce(List.of(new FloatRange(0, 10)), STREAM));
        calls.clear();
        lastError = "";
        assertMessage(
                "sum of 10 floats over ranks: NCCL says status 5",
                () ->
                        rank.allReduce(
                                List.of(new FloatRange(0, 10), new FloatRange(40, 2)), STREAM));
        assertEquals("end", calls.getLast(), "a group is not left open");
        answers.clear();
        answers.put("ncclCommInitRank", 2);
        assertMessage("joining 4 GPUs as rank 1: NCCL says status 2", () -> nccl().join(id, 1, 4));
        answers.put("ncclGetUniqueId", 3);
        assertMessage("naming a job: NCCL says status 3", () -> nccl().uniqueId());
    }

    private static void assertMessage(String expected, Runnable call) {
        assertEquals(expected, assertThrows(DeviceException.class, call::run).getMessage());
    }

    @Test
    void whatGoesWrongLaterIsToldAndWhatIsUnderWayIsNotWrong() {
        Nccl.Rank rank = joined();
        assertEquals(Optional.empty(), rank.failure());
        asyncError = 7;
        assertEquals(Optional.empty(), rank.failure());
        asyncError = 6;
        assertEquals(Optional.of("status 6"), rank.failure());
    }

    @Test
    void aRankEndsOnce() {
        Nccl.Rank rank = joined();
        calls.clear();
        rank.close();
        rank.close();
        assertEquals(List.of("abort"), calls);
    }

    @Test
    void aLibraryThatLacksAFunctionIsTooOld() {
        functions.remove("ncclGetLastError");
        assertMessage("NCCL lacks ncclGetLastError; install version 2.13 or newer", this::nccl);
    }
}
