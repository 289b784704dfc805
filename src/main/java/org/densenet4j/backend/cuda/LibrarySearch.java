package org.densenet4j.backend.cuda;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Looks for the libraries in a list of places. Only names of files are looked at; whether a file
 * works is another question.
 */
final class LibrarySearch {
    private final boolean windows;
    private final Map<CudaLibrary, List<FoundLibrary>> found = new EnumMap<>(CudaLibrary.class);
    private final List<RejectedLibrary> incomplete = new ArrayList<>();
    private final Map<CudaLibrary, List<Path>> otherVersions = new EnumMap<>(CudaLibrary.class);
    private final Map<CudaLibrary, Set<Path>> seen = new EnumMap<>(CudaLibrary.class);

    /** The files of each folder: a system's has thousands, and each library has many parts. */
    private final Map<Path, List<Path>> listed = new HashMap<>();

    /**
     * @param places the one to be preferred first
     */
    LibrarySearch(List<LibraryPlace> places, boolean windows) {
        this.windows = windows;
        for (CudaLibrary library : CudaLibrary.values()) {
            found.put(library, new ArrayList<>());
            otherVersions.put(library, new ArrayList<>());
            seen.put(library, new HashSet<>());
            places.forEach(place -> look(library, place));
        }
    }

    /** Whole libraries, the one to be preferred first. */
    List<FoundLibrary> found(CudaLibrary library) {
        return found.get(library);
    }

    /** Libraries that lack a part. */
    List<RejectedLibrary> incomplete() {
        return incomplete;
    }

    /** Main files of versions that this build cannot use, such as libcudnn.so.8. */
    List<Path> otherVersions(CudaLibrary library) {
        return otherVersions.get(library);
    }

    private void look(CudaLibrary library, LibraryPlace place) {
        for (LibraryFiles files : library.versions()) {
            Path path = place.folder().resolve(files.main(windows));
            // One file behind two links is tried once, where its parts are.
            if (Files.isRegularFile(path) && !seen.get(library).contains(real(path))) {
                List<Path> parts = new ArrayList<>();
                String missing = collect(files, place.folder(), parts);
                if (missing.isEmpty()) {
                    seen.get(library).add(real(path));
                    found.get(library)
                            .add(new FoundLibrary(library, files, path, place.origin(), parts));
                } else {
                    incomplete.add(
                            new RejectedLibrary(
                                    library,
                                    place.origin(),
                                    new CauseAndMend(
                                            path + " lacks " + missing + " beside it",
                                            "install " + library.title() + " whole")));
                }
            }
        }
        List<String> names = library.versions().stream().map(f -> f.main(windows)).toList();
        for (Path file : beginning(place.folder(), library.stem(windows))) {
            String name = file.getFileName().toString();
            String version = name.substring(library.stem(windows).length());
            if (version.matches(windows ? "\\d+\\.dll" : "\\d+") && !names.contains(name)) {
                otherVersions.get(library).add(file);
            }
        }
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            return path;
        }
    }

    /** Adds the files that belong to a library and returns the first that is missing, or "". */
    private String collect(LibraryFiles files, Path folder, List<Path> parts) {
        for (String prefix : files.parts(windows)) {
            int before = parts.size();
            // A whole name stands for itself, a beginning for all versions of it.
            boolean whole = prefix.matches(".*(\\.so\\.\\d+|\\.dll)");
            for (Path file : beginning(folder, prefix)) {
                if (!whole || file.getFileName().toString().equals(prefix)) {
                    parts.add(file);
                }
            }
            if (parts.size() == before) {
                return prefix;
            }
        }
        return "";
    }

    private List<Path> beginning(Path folder, String prefix) {
        return listed.computeIfAbsent(folder, LibrarySearch::files).stream()
                .filter(f -> matches(f.getFileName().toString(), prefix))
                .toList();
    }

    private boolean matches(String name, String prefix) {
        return name.regionMatches(windows, 0, prefix, 0, prefix.length());
    }

    private static List<Path> files(Path folder) {
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
            stream.forEach(files::add);
        } catch (IOException | DirectoryIteratorException ignored) {
            // A folder that cannot be read has no libraries for us.
        }
        return files;
    }
}
