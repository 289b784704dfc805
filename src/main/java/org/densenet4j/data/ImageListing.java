package org.densenet4j.data;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;

/**
 * The image files below a folder. Links are followed; files and folders whose names start with a
 * dot are hidden, wherever they are below it.
 *
 * @param files in the order of their paths
 * @param leftOut the other ones
 */
public record ImageListing(List<Path> files, LeftOut leftOut) {
    /** Keeps a copy. */
    public ImageListing {
        files = WithoutNull.copy(files, "files");
    }

    /**
     * Lists a folder and all folders below it.
     *
     * @param folder which is searched with all that it contains
     * @return the image files in order, and what is left out
     * @throws DataException in one line when a folder cannot be listed, or a link leads back to a
     *     folder that it is in
     */
    public static ImageListing below(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Visitor visitor = new Visitor(folder);
        Files.walkFileTree(
                folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, visitor);
        visitor.files.sort(
                Comparator.comparing(Path::toString).thenComparing(Comparator.naturalOrder()));
        return new ImageListing(visitor.files, visitor.leftOut);
    }

    static boolean isHidden(Path path) {
        return String.valueOf(path.getFileName()).startsWith(".");
    }

    /** What a file is called that is not used. */
    static LeftOut leftOut(Path file, BasicFileAttributes attributes) {
        String name = String.valueOf(file.getFileName());
        String extension = ImageFormat.extension(name);
        if (name.startsWith(".")) {
            return LeftOut.file("hidden", false, file);
        }
        if (attributes.isSymbolicLink()) {
            return LeftOut.file("links to nowhere", ImageFormat.isNamed(name), file);
        }
        if (!attributes.isRegularFile()) {
            return LeftOut.file("pipes or devices", false, file);
        }
        return LeftOut.file(
                extension.isEmpty() ? "without an extension" : "." + extension,
                UnreadFormat.isNamed(name),
                file);
    }

    private static final class Visitor extends SimpleFileVisitor<Path> {
        final Path root;
        final List<Path> files = new ArrayList<>();
        LeftOut leftOut = LeftOut.NONE;

        Visitor(Path root) {
            this.root = root;
        }

        @Override
        public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            if (folder.equals(root) || !isHidden(folder)) {
                return FileVisitResult.CONTINUE;
            }
            leftOut = leftOut.plus(LeftOut.file("hidden folders", false, folder));
            return FileVisitResult.SKIP_SUBTREE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile() && ImageFile.isImage(file)) {
                files.add(file);
            } else {
                leftOut = leftOut.plus(ImageListing.leftOut(file, attributes));
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof FileSystemLoopException) {
                throw new DataException(
                        link(file) + ": is a link that leads back to its own folder; remove it", e);
            }
            throw new DataException(
                    file
                            + ": cannot be listed: "
                            + (e instanceof AccessDeniedException ? "not allowed" : e.getMessage()),
                    e);
        }

        /** The last link on the way to a folder. */
        private static Path link(Path folder) {
            Path link = folder;
            while (link != null && !Files.isSymbolicLink(link)) {
                link = link.getParent();
            }
            return link == null ? folder : link;
        }
    }
}
