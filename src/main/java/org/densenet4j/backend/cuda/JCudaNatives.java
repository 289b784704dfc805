package org.densenet4j.backend.cuda;

import jcuda.JCudaVersion;
import jcuda.LibUtils;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.library.LibraryFile;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * JCuda's own native halves, out of their jars.
 *
 * <p>JCuda's loader unpacks them into the shared temporary folder, where two starting processes can
 * see each other's half-written files, a full disk leaves a broken one for ever, and another user
 * can put one of his own. So they are unpacked here first, into a folder of the user's, whole or
 * not at all, and JCuda's loader is pointed there while its classes initialise.
 */
final class JCudaNatives {
    /** Java halves that have been initialised, which happens once in a process. */
    private static final Set<String> INITIALISED = new HashSet<>();

    private final Path folder;

    private JCudaNatives(Path folder) {
        this.folder = folder;
    }

    /** Whether the class path or module path has the natives of this platform. */
    static boolean arePresent() {
        return LibraryFile.find(resource("JCudaDriver")).isPresent();
    }

    /**
     * Natives that unpack into the cache folder, or a temporary one where that can't be written.
     *
     * @throws DeviceException when neither can be written
     */
    private static JCudaNatives open() {
        String name = "jcuda-" + JCudaVersion.get();
        try {
            return new JCudaNatives(Files.createDirectories(CudaCache.folder().resolve(name)));
        } catch (IOException e) {
            try {
                Path temporary = Files.createTempDirectory(name + "-");
                temporary.toFile().deleteOnExit();
                return new JCudaNatives(temporary);
            } catch (IOException second) {
                throw cannotUnpack(second);
            }
        }
    }

    /**
     * Loads the native half {@code library} and initialises the Java half {@code className}. Once
     * is enough for a process; further calls return at once.
     *
     * @throws DeviceException in one line when it does not load
     */
    static synchronized void initialise(String library, String className) {
        if (!INITIALISED.contains(className)) {
            open().load(library, className);
            INITIALISED.add(className);
        }
    }

    private void load(String library, String className) {
        DynamicLoader.load(unpack(library));
        String temporary = System.getProperty("java.io.tmpdir");
        System.setProperty("java.io.tmpdir", folder.toString());
        try {
            Class.forName(className);
        } catch (ClassNotFoundException | LinkageError e) {
            String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw new DeviceException("JCuda's " + className + " does not start: " + reason, e);
        } finally {
            System.setProperty("java.io.tmpdir", temporary);
        }
    }

    private Path unpack(String library) {
        String resource = resource(library);
        Path file = folder.resolve(resource.substring(resource.lastIndexOf('/') + 1));
        URL packed =
                LibraryFile.find(resource)
                        .orElseThrow(
                                () ->
                                        new DeviceException(
                                                "the class path has no "
                                                        + resource
                                                        + "; add org.jcuda's natives of version "
                                                        + JCudaVersion.get()
                                                        + " for this platform"));
        try (InputStream stream = packed.openStream()) {
            byte[] content = stream.readAllBytes();
            if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), content)) {
                Path part =
                        folder.resolve(file.getFileName() + "." + ProcessHandle.current().pid());
                Files.write(part, content);
                move(part, file);
            }
            return file;
        } catch (IOException e) {
            throw cannotUnpack(e);
        }
    }

    private static void move(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static String resource(String library) {
        String name = LibUtils.createPlatformLibraryName(library + "-" + JCudaVersion.get());
        return "/lib/" + LibUtils.createLibraryFileName(name);
    }

    private static DeviceException cannotUnpack(IOException e) {
        return new DeviceException(
                "cannot unpack JCuda's native libraries ("
                        + e.getClass().getSimpleName()
                        + " "
                        + e.getMessage()
                        + "); set DENSENET4J_CACHE to a writable folder with 10 MB free",
                e);
    }
}
