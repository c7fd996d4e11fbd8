"""Answers that a storage service may give, documented ones and broken ones."""

from tests.contract.customers import SIGNATURE

# The error codes of Azure's Blob service and those that all of its storage services share, as their reference
# pages list them, by HTTP status.
DOCUMENTED: dict[int, str] = {
    304: "ConditionNotMet",
    400: """
        BlockListTooLong ConditionHeadersNotSupported EmptyMetadataKey FeatureVersionMismatch
        InvalidAuthenticationInfo InvalidBlobOrBlock InvalidBlobTier InvalidBlockId InvalidBlockList
        InvalidHeaderValue InvalidHttpVerb InvalidInput InvalidMd5 InvalidMetadata InvalidOperation
        InvalidPageRange InvalidQueryParameterValue InvalidRange InvalidResourceName InvalidSourceBlobType
        InvalidSourceBlobUrl InvalidUri InvalidVersionForPageBlobOperation InvalidXmlDocument
        InvalidXmlNodeValue Md5Mismatch MetadataTooLarge MissingRequiredHeader MissingRequiredQueryParameter
        MissingRequiredXmlNode MultipleConditionHeadersNotSupported OutOfRangeInput
        OutOfRangeQueryParameterValue PreviousSnapshotNotFound PreviousSnapshotOperationNotSupported
        RequestUrlFailedToParse UnsupportedHeader UnsupportedQueryParameter UnsupportedXmlNode
        InfiniteLeaseDurationRequired AuthorizationResourceTypeMismatch
    """,
    401: "NoAuthenticationInformation InvalidAuthenticationInfo",
    403: """
        AccountIsDisabled AuthenticationFailed AuthorizationFailure AuthorizationPermissionMismatch
        AuthorizationProtocolMismatch AuthorizationServiceMismatch AuthorizationSourceIPMismatch
        CannotVerifyCopySource InsufficientAccountPermissions KeyBasedAuthenticationNotPermitted
        UnauthorizedBlobOverwrite
    """,
    404: "BlobNotFound CannotVerifyCopySource ContainerNotFound ResourceNotFound",
    405: "UnsupportedHttpVerb",
    409: """
        AccountAlreadyExists AccountBeingCreated AccountProtectedFromDeletion BlobAlreadyExists BlobArchived
        BlobBeingRehydrated BlobImmutableDueToLegalHold BlobImmutableDueToPolicy BlobNotArchived
        BlobOperationNotSupported BlobOverwritten BlobTierInadequateForContentLength
        BlobUsesCustomerSpecifiedEncryption BlockCountExceedsLimit CannotChangeToLowerTier
        ContainerAlreadyExists ContainerBeingDeleted ContainerDisabled ContainerHasLegalHold
        ContainerImmutabilityPolicyLocked ContentLengthLargerThanTierLimit CopyAcrossAccountsNotSupported
        CopyIdMismatch IncrementalCopyBlobMismatch IncrementalCopyOfEarlierVersionSnapshotNotAllowed
        IncrementalCopySourceMustBeSnapshot InvalidBlobType LeaseAlreadyBroken LeaseAlreadyPresent
        LeaseIdMismatchWithLeaseOperation LeaseIsBreakingAndCannotBeAcquired LeaseIsBreakingAndCannotBeChanged
        LeaseIsBrokenAndCannotBeRenewed LeaseNotPresentWithLeaseOperation NoPendingCopyOperation
        OperationNotAllowedOnIncrementalCopyBlob PendingCopyOperation PreviousSnapshotCannotBeNewer
        PublicAccessNotPermitted ResourceAlreadyExists ResourceTypeMismatch RmsLimitExceeded
        SequenceNumberIncrementTooLarge SnapshotCountExceeded SnapshotOperationRateExceeded SnapshotsPresent
        SystemInUse
    """,
    411: "MissingContentLengthHeader",
    412: """
        AppendPositionConditionNotMet ConditionNotMet LeaseIdMismatchWithBlobOperation
        LeaseIdMismatchWithContainerOperation LeaseIdMissing LeaseLost LeaseNotPresentWithBlobOperation
        LeaseNotPresentWithContainerOperation MaxBlobSizeConditionNotMet SequenceNumberConditionNotMet
        SourceConditionNotMet TargetConditionNotMet
    """,
    413: "RequestBodyTooLarge",
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "CannotVerifyCopySource InternalError OperationTimedOut",
    503: "ServerBusy",
}
# What stands beside the code in an answer, and shall not be passed on.
WORDS = f"Call of https://acme.example/raw?sig={SIGNATURE} failed."
BODIES = {
    "error": b"",
    "html": f"<html><head><title>Oops</title></head><body><p>{WORDS}</p></body></html>".encode(),
    "broken html": f"<!DOCTYPE html><html><br><p>{WORDS}".encode(),
    "json": f'{{"error": {{"code": 7, "message": null, "detail": "{WORDS}"}}}}'.encode(),
    "json text": b'{"error": "nothing"}',
    "list": b"[1, 2]",
    "xml": b'<?xml version="1.0"?><Error><Message/></Error>',
    "half": b'<?xml version="1.0" encoding="utf-8"?><Error><Code>Half',
    "no text": bytes(range(256)),
    "other encoding": '<?xml version="1.0" encoding="utf-16"?><Error><Code>X</Code></Error>'.encode("utf-16"),
    "long": b"x" * 100_000,
}
OK = b"HTTP/1.1 200 OK\r\n"
RAW = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a secret as status": f"HTTP/1.1 {SIGNATURE}\r\n\r\n".encode(),
    "a secret as reason": f"HTTP/1.1 418 {SIGNATURE}\r\nContent-Length: 0\r\n\r\n".encode(),
    "a secret as code": f"HTTP/1.1 409 No\r\nx-ms-error-code: {SIGNATURE}\r\n\r\n".encode(),
    "a status of six digits": b"HTTP/1.1 123456 What\r\n\r\n",
    "status zero": b"HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no header": OK + b"\r\n",
    "a header that is none": OK + b"what is this\r\n\r\n",
    "a long header": OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    "many headers": OK + b"X: y\r\n" * 200 + b"\r\n",
    "a longer length": OK + b"Content-Length: 1000\r\n\r\nshort",
    "a shorter length": OK + b"Content-Length: 2\r\n\r\nlonger",
    "a length that is none": OK + b"Content-Length: many\r\n\r\nx",
    "a negative length": OK + b"Content-Length: -1\r\n\r\nx",
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx",
    "half of a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\nx",
    "gzip that is none": OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
    "a range that is none": b"HTTP/1.1 206 OK\r\nContent-Range: all\r\nContent-Length: 1\r\n\r\nx",
    "a date that is none": OK + b"Last-Modified: soon\r\nETag: 1\r\nContent-Length: 0\r\n\r\n",
    "a redirection to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "only to go on": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an empty list": OK + b"Content-Type: application/xml\r\nContent-Length: 21\r\n\r\n<EnumerationResults/>",
}
