<#
.SYNOPSIS
Removes the MxGateway service and its programs. The configuration and the data in ProgramData stay, unless -Purge.
#>
[CmdletBinding()]
param(
    [string] $Directory = (Join-Path $env:ProgramFiles 'MxGateway'),
    [switch] $Purge
)
$ErrorActionPreference = 'Stop'

$gateway = Join-Path $Directory 'mxgateway.exe'
if (Test-Path $gateway) {
    if ($null -ne (Get-Service -Name 'MxGateway' -ErrorAction SilentlyContinue)) {
        & $gateway service stop
        & $gateway service uninstall
        if ($LASTEXITCODE -ne 0) { throw "the service could not be removed (exit code $LASTEXITCODE)" }
    }
    Remove-Item -Recurse -Force -Path $Directory
}
if ($Purge) {
    Remove-Item -Recurse -Force -Path (Join-Path $env:ProgramData 'MxGateway')
}
