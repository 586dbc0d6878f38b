internal import Collections
