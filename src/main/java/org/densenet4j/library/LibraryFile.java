package org.densenet4j.library;

import java.io.File;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipFile;

/**
 * A file in the jar of another library, such as a native library.
 *
 * <p>On the module path the class loader sees the files of resolved modules only. Jars of natives
 * are modules that nobody requires, so that users would have to name them in {@code --add-modules};
 * they are looked for in the jars of the module path instead.
 */
public final class LibraryFile {
    private LibraryFile() {}

    /**
     * Where a file is; empty when no jar has it.
     *
     * @param name absolute, such as {@code /org/bytedeco/dnnl/linux-x86_64/libdnnl.so.3}
     */
    public static Optional<URL> find(String name) {
        // Asked by a class of a module, Class.getResource leaves the class path out.
        URL seen = LibraryFile.class.getClassLoader().getResource(name.substring(1));
        return seen != null
                ? Optional.of(seen)
                : onModulePath(name, System.getProperty("jdk.module.path", ""));
    }

    /**
     * Where a file is among the jars of a module path.
     *
     * @param modulePath jars and folders of jars
     */
    static Optional<URL> onModulePath(String name, String modulePath) {
        String entry = name.substring(1);
        for (Path jar : jars(modulePath)) {
            try (ZipFile zip = new ZipFile(jar.toFile())) {
                if (zip.getEntry(entry) != null) {
                    return Optional.of(URI.create("jar:" + jar.toUri() + "!/" + entry).toURL());
                }
            } catch (MalformedURLException e) {
                throw new AssertionError(e); // Java knows URLs of jars.
            } catch (IOException e) {
                // The JVM would not have started had it needed that jar.
            }
        }
        return Optional.empty();
    }

    private static List<Path> jars(String modulePath) {
        List<Path> jars = new ArrayList<>();
        for (String part : modulePath.split(File.pathSeparator)) {
            Path path = Path.of(part);
            if (Files.isDirectory(path)) {
                try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*.jar")) {
                    files.forEach(jars::add);
                } catch (IOException e) {
                    continue; // A folder that cannot be listed has no jars for the JVM either.
                }
            } else if (part.endsWith(".jar") && Files.isRegularFile(path)) {
                jars.add(path);
            }
        }
        return jars;
    }
}
